# A private registry on loopback with TLS and a password, and a mirror without either that only the engine reads.
# shellcheck shell=bash

start_registry() {
    local dir=$home/registry port
    if alive registry docker-registry; then write_client_config; return; fi
    require docker-registry=docker-registry htpasswd=apache2-utils openssl=openssl curl=curl
    mkdir -p "$dir/data"
    distrust_registry
    port=$(free_port "$(note registry/port | grep . || echo 5443)")
    echo "$port" | keep registry/port
    make_certificate
    make_password
    write_client_config
    trust_registry "$port"
    keep registry/config.yml <<-YAML
		version: 0.1
		log: {level: warn, accesslog: {disabled: true}}
		storage:
		  filesystem: {rootdirectory: $dir/data}
		  delete: {enabled: true}
		  maintenance: {uploadpurging: {enabled: false}}
		http:
		  addr: 127.0.0.1:$port
		  tls: {certificate: $dir/tls/registry.crt, key: $dir/tls/registry.key}
		auth:
		  htpasswd: {realm: stackbuild, path: $dir/htpasswd}
	YAML
    detach registry docker-registry serve "$dir/config.yml"
    await registry docker-registry 15 listening "$port"
    say "registry started at $loopback:$port"
}

make_certificate() {
    local dir=$home/registry/tls
    mkdir -p "$dir" "$home/authorities"
    [[ -s $dir/registry.crt && -s $dir/registry.key ]] || (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
        -subj "/CN=stackbuild registry" -addext "subjectAltName=IP:$loopback,IP:127.0.0.1,DNS:localhost" \
        -keyout "$dir/registry.key" -out "$dir/registry.crt" 2>>"$home/log/openssl.log")
    install -m 644 "$dir/registry.crt" "$home/authorities/registry.crt"
}

# The password goes through pipes only: an argument could be read by anybody with `ps`.
make_password() {
    local dir=$home/registry
    if [[ -s $dir/password && -s $dir/htpasswd ]]; then return; fi
    (umask 077 && openssl rand -hex 24 | keep registry/password &&
        htpasswd -niB stackbuild <"$dir/password" 2>/dev/null | keep registry/htpasswd)
}

# Where an engine looks for the authority of a registry.
trust_registry() {
    local ca=/etc/docker/certs.d/$loopback:$1/ca.crt
    ! cmp -s "$home/authorities/registry.crt" "$ca" || return 0
    ((EUID == 0)) || fail "the engine does not trust the private registry, and only root can tell it to" \
        "run: sudo install -D -m 644 '$home/authorities/registry.crt' '$ca'; then ci/engine up again"
    install -D -m 644 "$home/authorities/registry.crt" "$ca"
}

distrust_registry() {
    local dir
    dir=/etc/docker/certs.d/$loopback:$(note registry/port)
    if cmp -s "$home/authorities/registry.crt" "$dir/ca.crt" && [[ -w $dir ]]; then
        rm -f "$dir/ca.crt"
        rmdir -p "$dir" 2>/dev/null || true
    fi
}

start_mirror() {
    local dir=$home/mirror port
    if alive mirror docker-registry; then return; fi
    mkdir -p "$dir/data"
    port=$(free_port "$(note mirror/port | grep . || echo 5000)")
    echo "$port" | keep mirror/port
    keep mirror/config.yml <<-YAML
		version: 0.1
		log: {level: warn, accesslog: {disabled: true}}
		storage:
		  filesystem: {rootdirectory: $dir/data}
		  maintenance: {uploadpurging: {enabled: false}}
		http: {addr: "127.0.0.1:$port"}
	YAML
    detach mirror docker-registry serve "$dir/config.yml"
    await mirror docker-registry 15 listening "$port"
    say "mirror started at 127.0.0.1:$port"
}
