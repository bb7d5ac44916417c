# The engine: the user's where one answers, otherwise ours, on a socket, a bridge and data of its own.
# shellcheck shell=bash

engine_version() { timeout 10 docker -H "$1" version --format '{{.Server.Version}}' 2>/dev/null; }
has_buildx() { docker buildx version >/dev/null 2>&1; }

# The endpoint that the user's docker would talk to.
users_endpoint() {
    if [[ -n ${DOCKER_HOST:-} ]]; then echo "$DOCKER_HOST"
    else docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null || echo unix:///var/run/docker.sock; fi
}

# Writes down which engine is used: 'own' or 'theirs', and its endpoint.
choose_engine() {
    local endpoint='' version=''
    if alive engine dockerd; then return; fi
    if [[ $(note whose) == theirs ]] && engine_version "$(note endpoint)" >/dev/null; then return; fi
    if command -v docker >/dev/null; then
        endpoint=$(users_endpoint)
        # A shell that has evaluated `ci/engine env` names our own socket.
        if [[ $endpoint == "unix://$socket" ]]; then endpoint=unix:///var/run/docker.sock; fi
        version=$(engine_version "$endpoint") || version=
    fi
    if [[ -n $version ]]; then
        [[ $endpoint == unix://* ]] || fail "the engine at $endpoint is not on this machine, and cannot reach a registry on loopback" \
            "run ci/engine on the machine of the engine, or unset DOCKER_HOST"
        if ((${version%%.*} < oldest_engine)); then
            fail "the engine at $endpoint is $version; stackbuild needs $oldest_engine or newer" "upgrade it, or stop it and run ci/engine up again"
        fi
        has_buildx || fail "an engine answers at $endpoint, but docker has no buildx" "install docker-buildx (Debian 13, Ubuntu) or docker-buildx-plugin"
        write_client_config
        # A mirror cannot be given to an engine that is not ours; where one is needed, ours runs beside it.
        if [[ $(public_images) == yes ]]; then
            echo theirs | keep whose
            echo "$endpoint" | keep endpoint
            return
        fi
        say "the engine at $endpoint cannot pull public images: starting one beside it, with a mirror"
    fi
    require_engine
    write_client_config
    echo own | keep whose
    echo "unix://$socket" | keep endpoint
}

require_engine() {
    local packages=()
    [[ $(uname -s) == Linux && $EUID -eq 0 ]] || fail "no Docker engine answers, and one can be started only on Linux, as root" "$needs"
    # One transaction for all: apt's start-up costs more than the packages.
    command -v dockerd >/dev/null || packages+=(docker.io)
    command -v docker >/dev/null || packages+=(docker-cli)
    command -v iptables >/dev/null || packages+=(iptables)
    command -v ip >/dev/null || packages+=(iproute2)
    has_buildx || packages+=(docker-buildx)
    command -v docker-registry >/dev/null || packages+=(docker-registry)
    command -v htpasswd >/dev/null || packages+=(apache2-utils)
    command -v openssl >/dev/null || packages+=(openssl)
    command -v curl >/dev/null || packages+=(curl)
    command -v debootstrap >/dev/null || packages+=(debootstrap)
    if ((${#packages[@]})); then
        # Ubuntu has no package docker-cli: docker.io holds the client.
        if [[ $(os_id) == ubuntu ]]; then packages=("${packages[@]/docker-cli/docker.io}"); fi
        install_packages "${packages[@]}"
        hash -r
    fi
    has_buildx || fail "docker finds no buildx" "install docker-buildx or docker-buildx-plugin"
}

# A docker config of our own, so that the user's is never touched: credentials of the private registry and nothing else.
write_client_config() {
    local users=${DOCKER_CONFIG:-${HOME:-/root}/.docker}/cli-plugins plugins='' auths=''
    if [[ -d $users && $users != "$client"/* ]]; then plugins="\"cliPluginsExtraDirs\": [\"$users\"], "; fi
    mkdir -p "$client"
    chmod 700 "$client"
    if [[ -s $home/registry/port && -s $home/registry/password ]]; then
        auths="\"$loopback:$(note registry/port)\": {\"auth\": \"$(printf 'stackbuild:%s' "$(note registry/password)" | base64 -w 0)\"}"
    fi
    (umask 077 && printf '{%s"auths": {%s}}\n' "$plugins" "$auths" | keep docker-config/config.json)
}

engine_config() {
    local mirrors=''
    if [[ $(note public-images) == no ]]; then mirrors="\"http://127.0.0.1:$(note mirror/port)\""; fi
    cat <<-JSON
		{
		  "data-root": "$home/engine",
		  "exec-root": "$home/run/engine",
		  "bridge": "$bridge",
		  "iptables": false,
		  "ip6tables": false,
		  "registry-mirrors": [$mirrors],
		  "features": {"buildkit": true, "cdi": true},
		  "cdi-spec-dirs": ["$home/cdi"]
		}
	JSON
}

# A bridge of our own, on the first subnet that no route of this machine is in: docker0 may be another engine's.
make_bridge() {
    local third taken
    if ! ip link show "$bridge" >/dev/null 2>&1; then
        taken=$(ip -4 route show table all)
        for third in {200..254}; do
            if ! grep -qF "172.30.$third." <<<"$taken"; then break; fi
        done
        ip link add "$bridge" type bridge
        ip addr add "172.30.$third.1/24" dev "$bridge"
        ip link set "$bridge" up
    fi
    if [[ $(</proc/sys/net/ipv4/ip_forward) == 0 ]]; then
        # As dockerd does: a machine that did not forward must not begin to forward for others.
        iptables -P FORWARD DROP
        echo 1 >/proc/sys/net/ipv4/ip_forward
    fi
    bridge_rules | while read -r table rule; do
        # shellcheck disable=SC2086
        iptables -t "$table" -C $rule 2>/dev/null || iptables -t "$table" -I $rule
    done
}

# What dockerd would add, but it would also flush the rules of another engine on this machine.
bridge_rules() {
    echo "filter FORWARD -i $bridge -j ACCEPT"
    echo "filter FORWARD -o $bridge -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    echo "nat POSTROUTING -s $(ip -4 -o addr show dev "$bridge" | awk '{ print $4 }') ! -o $bridge -j MASQUERADE"
}

remove_bridge() {
    command -v ip >/dev/null && ip link show "$bridge" >/dev/null 2>&1 || return 0
    bridge_rules | while read -r table rule; do
        # shellcheck disable=SC2086
        iptables -t "$table" -D $rule 2>/dev/null || true
    done
    ip link del "$bridge"
}

start_engine() {
    if alive engine dockerd; then
        # Only the mirror's port can have changed under a running engine.
        if cmp -s <(engine_config) "$home/engine.json"; then return; fi
        stop_engine
    fi
    make_bridge
    engine_config | keep engine.json
    # dockerd takes any process with the old number for itself.
    rm -f "$home/run/dockerd.pid"
    export NO_PROXY=${NO_PROXY:-${no_proxy:-}}
    NO_PROXY+=${NO_PROXY:+,}$loopback
    detach engine dockerd --config-file "$home/engine.json" -H "unix://$socket" --pidfile "$home/run/dockerd.pid"
    await engine dockerd 60 engine_version "unix://$socket"
    say "engine $(engine_version "unix://$socket") started"
}

stop_engine() {
    local mount
    stop engine dockerd
    # An engine that was killed leaves its containerd behind.
    stop engine/containerd/containerd containerd
    while read -r mount; do umount -l "$mount" 2>/dev/null || true; done \
        < <(awk -v home="$home/" 'index($2, home) == 1 { print $2 }' /proc/mounts | sort -r)
    rm -f "$socket"
    remove_bridge
}

# Whether public images can be pulled, asked once: by the client, since no engine may run yet.
public_images() {
    local answer=${STACKBUILD_PUBLIC_IMAGES:-$(note public-images)}
    if [[ -z $answer ]]; then
        if timeout 20 docker --config "$client" buildx imagetools inspect "${stand_ins[0]%%|*}" >/dev/null 2>&1; then answer=yes; else answer=no; fi
        say "public images can be pulled: $answer"
    fi
    echo "$answer" | keep public-images
    echo "$answer"
}
