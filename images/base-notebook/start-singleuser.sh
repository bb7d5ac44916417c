#!/bin/bash
# Starts the single-user server that a JupyterHub talks to.
set -euo pipefail

exec start.sh jupyterhub-singleuser "$@"
