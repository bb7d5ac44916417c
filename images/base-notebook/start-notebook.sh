#!/bin/bash
# Starts JupyterLab, or the single-user server where a JupyterHub has started this container.
set -euo pipefail

if [[ -n ${JUPYTERHUB_API_TOKEN:-} ]]; then
    exec start-singleuser.sh "$@"
fi
exec start.sh jupyter lab "$@"
