# Starts a probe with the image's own Python: start.sh PROBE [INSTEAD], the second with sh where there is none.
for python in python3 python /opt/conda/bin/python3 /opt/venv/bin/python3 /usr/local/bin/python3 /usr/bin/python3; do
    if command -v "$python" >/dev/null 2>&1 &&
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 6))' >/dev/null 2>&1; then
        exec "$python" -B "/stackbuild/$1"
    fi
done
if [ -n "${2:-}" ]; then exec sh "/stackbuild/$2"; fi
read -r nonce </stackbuild/nonce || :
printf '{"stackbuild": "%s", "result": "failed", "reason": "the image has no Python 3.6 or newer, which this probe needs"}\n' "$nonce"
exit 1
