# Stand-ins for public images, in the mirror: one root file system of this machine's distribution under other names.
# shellcheck shell=bash

# NAME|variables that the real image sets and that images built on it may read
stand_ins=(
    "debian:bookworm|"
    "nvidia/cuda:12.6.3-cudnn-runtime-ubuntu22.04|CUDA_VERSION=12.6.3 NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility"
)

stand_in_names() { local row names=(); for row in "${stand_ins[@]}"; do names+=("${row%%|*}"); done; (IFS=,; echo "${names[*]}"); }

provide_stand_ins() {
    local row name url
    for row in "${stand_ins[@]}"; do
        name=${row%%|*}
        url=$(mirror_url "$name")
        if ! curl -fsS -o /dev/null -H "Accept: $manifest_type" "$url" 2>/dev/null; then
            make_root
            push_stand_in "$name" "${row#*|}"
            say "stand-in for $name"
        fi
        # at hand as an image, so that its label can be read before anything is built on it
        docker -H "$(note endpoint)" image inspect "$name" >/dev/null 2>&1 ||
            docker -H "$(note endpoint)" pull --quiet "$name" >/dev/null
    done
}

manifest_type=application/vnd.oci.image.manifest.v1+json
config_type=application/vnd.oci.image.config.v1+json
layer_type=application/vnd.oci.image.layer.v1.tar+gzip

# The address of an image's manifest in the mirror; docker's short names live in library/.
mirror_repository() { [[ $1 == */* ]] && echo "${1%:*}" || echo "library/${1%:*}"; }
mirror_url() { echo "http://127.0.0.1:$(note mirror/port)/v2/$(mirror_repository "$1")/manifests/${1##*:}"; }

# cache/root.tar.gz, cache/root.diff-id and cache/root.is. The same packages give the same bytes.
make_root() {
    local dir=$home/cache/root code mirror log=$home/log/debootstrap.log
    if [[ -s $home/cache/root.is ]]; then return; fi
    require debootstrap=debootstrap
    code=bookworm
    [[ $(os_id) == debian ]] || code=$(os_codename)
    [[ -s $home/apt/sources.list ]] || write_apt_view
    mirror=$(sed 's/\[[^]]*\] //' "$home/apt/sources.list" | awk -v code="$(os_codename)" '$3 == code { print $2; exit }')
    say "making a $(os_id) $code root file system"
    forget_folder "$dir"
    mkdir "$dir"
    # dpkg waits for the disk after every file; in memory that costs nothing.
    if (($(awk '/^MemAvailable/ { print $2 }' /proc/meminfo) > 1500000)); then mount -t tmpfs stackbuild "$dir" 2>/dev/null || true; fi
    SOURCE_DATE_EPOCH=1700000000 debootstrap --variant=minbase --include=ca-certificates \
        --components="$([[ $(os_id) == ubuntu ]] && echo main,universe || echo main)" "$code" "$dir" "$mirror" \
        </dev/null >"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "debootstrap failed" "the whole log is $log"; }
    sed "s/\b$(os_codename)\b/$code/" "$home/apt/sources.list" >"$dir/etc/apt/sources.list"
    trust_this_machines_authorities "$dir"
    rm -rf "$dir"/var/cache/apt/* "$dir"/var/lib/apt/lists/* "$dir"/var/log/* "$dir"/var/cache/ldconfig/* "$dir"/var/cache/debconf/*-old \
        "${dir:?}"/tmp/* "${dir:?}"/dev/* "$dir"/etc/resolv.conf "$dir"/etc/hostname
    : >"$dir/etc/machine-id"
    tar -C "$dir" --sort=name --mtime=@1700000000 --numeric-owner --format=gnu -cf "$home/cache/root.tar" .
    sha256sum <"$home/cache/root.tar" | cut -d' ' -f1 >"$home/cache/root.diff-id"
    gzip -n -1 -f "$home/cache/root.tar"
    forget_folder "$dir"
    echo "$(os_id) $code" | keep cache/root.is
}

forget_folder() {
    umount "$1" 2>/dev/null || true
    rm -rf --one-file-system "$1"
}

# Where this machine reaches the package archives through a proxy with an authority of its own, so must the image.
trust_this_machines_authorities() {
    local added
    added=$(find /usr/local/share/ca-certificates -name '*.crt' 2>/dev/null)
    [[ -n $added ]] || return 0
    mkdir -p "$1/usr/local/share/ca-certificates"
    while read -r file; do cp "$file" "$1/usr/local/share/ca-certificates/"; done <<<"$added"
    chroot "$1" update-ca-certificates >>"$home/log/debootstrap.log" 2>&1
    # pip brings authorities of its own and would not look at the system's.
    printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$1/etc/pip.conf"
}

json_list() { local item out=; for item in "$@"; do out+="${out:+, }\"$item\""; done; echo "[$out]"; }

push_stand_in() { # NAME VARIABLES
    local name=$1 url config layer=$home/cache/root.tar.gz is manifest
    local -a variables
    read -ra variables <<<"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin $2"
    is=$(note cache/root.is)
    config=$(printf '{"architecture": "%s", "os": "linux", "created": "2023-11-14T22:13:20Z", "config": {"Env": %s, "Cmd": ["bash"], "Labels": {"io.stackbuild.stand-in": "%s"}}, "rootfs": {"type": "layers", "diff_ids": ["sha256:%s"]}}' \
        "$(dpkg --print-architecture)" "$(json_list "${variables[@]}")" "$is root standing in for $name" "$(note cache/root.diff-id)")
    manifest=$(printf '{"schemaVersion": 2, "mediaType": "%s", "config": %s, "layers": [%s]}' "$manifest_type" \
        "$(printf '%s' "$config" | descriptor "$config_type")" "$(descriptor "$layer_type" <"$layer")")
    printf '%s' "$config" | push_blob "$name"
    push_blob "$name" <"$layer"
    printf '%s' "$manifest" | curl -fsS -X PUT -H "Content-Type: $manifest_type" --data-binary @- "$(mirror_url "$name")"
}

descriptor() { # MEDIA-TYPE, content on stdin
    local file=$home/cache/descriptor
    cat >"$file"
    printf '{"mediaType": "%s", "size": %d, "digest": "sha256:%s"}' "$1" "$(stat -c %s "$file")" "$(sha256sum <"$file" | cut -d' ' -f1)"
    rm -f "$file"
}

push_blob() { # NAME, content on stdin
    local file=$home/cache/blob digest place
    cat >"$file"
    digest=sha256:$(sha256sum <"$file" | cut -d' ' -f1)
    place=$(curl -fsS -i -X POST "http://127.0.0.1:$(note mirror/port)/v2/$(mirror_repository "$name")/blobs/uploads/" |
        tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
    curl -fsS -X PUT -H 'Content-Type: application/octet-stream' -T "$file" "$place&digest=$digest"
    rm -f "$file"
}
