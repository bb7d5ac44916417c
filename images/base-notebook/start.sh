#!/bin/bash
# Runs a command as the notebook user, after the hooks in /usr/local/bin/before-notebook.d.
# Started as root (`--user root`), it first gives that user the ids in NB_UID and NB_GID and then drops root.
set -euo pipefail

if ((EUID == 0)); then
    if [[ $(id -u "$NB_USER") != "$NB_UID" || $(id -g "$NB_USER") != "$NB_GID" ]]; then
        getent group "$NB_GID" > /dev/null || groupadd --gid "$NB_GID" "$NB_USER"
        usermod --uid "$NB_UID" --gid "$NB_GID" "$NB_USER"
        chown --recursive "$NB_UID:$NB_GID" "$HOME"
    fi
    # Group 100 owns the Python environment, whatever NB_GID says now.
    exec setpriv --reuid "$NB_UID" --regid "$NB_GID" --groups "$NB_GID,100" "$0" "$@"
fi

for hook in /usr/local/bin/before-notebook.d/*.sh; do
    # shellcheck source=/dev/null
    if [[ -e $hook ]]; then source "$hook"; fi
done

exec "$@"
