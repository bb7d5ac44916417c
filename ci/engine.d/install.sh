# Packages on Debian and Ubuntu, through a view of apt of our own: the machine's sources and preferences stay as they are.
# shellcheck shell=bash

os_id() { (. /etc/os-release && echo "${ID:-}"); }
os_version() { (. /etc/os-release && echo "${VERSION_ID:-}"); }
os_codename() { (. /etc/os-release && echo "${VERSION_CODENAME:-}"); }

needs="install a Docker engine $oldest_engine or newer with buildx (docker.io and docker-buildx on Debian 13 and Ubuntu; docker-ce and
docker-buildx-plugin from Docker) and start it; install docker-registry, htpasswd (apache2-utils), openssl and curl, and
debootstrap where public images cannot be pulled"

can_install() { ((EUID == 0)) && [[ $(os_id) == debian || $(os_id) == ubuntu ]] && command -v apt-get >/dev/null; }

# Lines for a sources.list out of the machine's own sources: the distribution's archive and nothing of third parties,
# who may name their suite as the distribution does but have no -updates and no -security.
distribution_sources() {
    local code keyring
    code=$(os_codename)
    keyring=/usr/share/keyrings/$(os_id)-archive-keyring.gpg
    apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | sort -u |
        awk -v code="$code" -v option="$([[ -f $keyring ]] && echo "[signed-by=$keyring] ")" '
            $2 == code || $2 == code "-updates" || $2 == code "-security" {
                line[++n] = "deb " option $1 " " $2 " " $3; uri[n] = $1
                if ($2 != code) { official[$1] = 1; any = 1 }
            }
            END { for (i = 1; i <= n; i++) if (!any || uri[i] in official) print line[i] }'
}

# Debian 12 has an engine of 2020; Debian 13's build installs on it, and only the engine is taken from there.
write_apt_view() {
    local view=$home/apt
    mkdir -p "$view"/{parts,preferences,lists/partial}
    distribution_sources >"$view/sources.list"
    [[ -s $view/sources.list ]] || fail "apt has no source for $(os_id) $(os_codename)" "add the distribution's source to /etc/apt"
    : >"$view/preferences/engine"
    if [[ $(os_id) == debian && $(os_version) == 12 ]]; then
        sed -n 's/\bbookworm\b/trixie/p' "$view/sources.list" >"$view/parts/newer.list"
        cat >"$view/preferences/engine" <<-'PIN'
			Package: *
			Pin: release n=trixie*
			Pin-Priority: 100

			Package: docker.io docker-cli docker-buildx
			Pin: release n=trixie*
			Pin-Priority: 990
		PIN
    fi
}

our_apt() {
    local view=$home/apt
    DEBIAN_FRONTEND=noninteractive apt-get -q -o Dir::Etc::SourceList="$view/sources.list" -o Dir::Etc::SourceParts="$view/parts" \
        -o Dir::Etc::PreferencesParts="$view/preferences" -o Dir::State::Lists="$view/lists" \
        -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 "$@"
}

# Debian's switch against services that start when they are installed.
policy=/usr/sbin/policy-rc.d

# Installs the packages and keeps their services from starting, now and at the next boot: we run these programs ourselves.
install_packages() {
    local log=$home/log/apt.log package unit
    can_install || fail "cannot install '$*' here: only on Debian and Ubuntu, as root" "$needs"
    if [[ $(os_id) == debian && $(os_version) == 11 ]]; then fail "Debian 11 has no engine that is new enough" "$needs"; fi
    say "installing $*"
    write_apt_view
    our_apt update >>"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "apt-get update failed" "the whole log is $log"; }
    if [[ ! -e $policy ]]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    our_apt install -y --no-install-recommends "$@" </dev/null >>"$log" 2>&1 ||
        { tail -n 20 "$log" >&2; fail "apt-get install failed" "the whole log is $log"; }
    if [[ -d /run/systemd/system ]]; then
        for package in "$@"; do
            for unit in $(dpkg -L "$package" | sed -n 's|.*/systemd/system/\([^/]*\.\(service\|socket\)\)$|\1|p' | grep -v @); do
                systemctl disable --quiet "$unit" >>"$log" 2>&1 || true
            done
        done
    fi
}

require() { # PROGRAM=PACKAGE...: installs the packages whose program is missing
    local pair missing=()
    for pair in "$@"; do command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}"); done
    if ((${#missing[@]})); then install_packages "${missing[@]}"; fi
}
