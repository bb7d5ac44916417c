# Whether devices are visible: nvidia-smi lists them, and this machine's kernel has the driver that it names.
# A stand-in can bring the program and device nodes along, but nothing in /proc/driver.
read -r nonce </stackbuild/nonce || :

# what becomes part of a JSON string
clean() { printf '%s' "$1" | tr '\n\t' '  ' | tr -d '\000-\037"\\'; }

end() { # RESULT REASON [DEVICES DRIVER]
    code=0
    [ "$1" = passed ] || code=1
    hardware=
    if [ -n "${3:-}" ]; then hardware=", \"hardware\": {\"devices\": [$3], \"driver\": \"$4\"}"; fi
    printf '{"stackbuild": "%s", "result": "%s", "reason": "%s"%s}\n' "$nonce" "$1" "$(clean "$2")" "$hardware"
    exit $code
}

command -v nvidia-smi >/dev/null 2>&1 || end inconclusive "no nvidia-smi in the container: no GPU was given to it"
query() { nvidia-smi --query-gpu="$1" --format=csv,noheader 2>&1; }
# old drivers do not know the compute capability
if found=$(query name,compute_cap,driver_version); then fields=3
elif found=$(query name,driver_version); then fields=2
else end inconclusive "nvidia-smi: $found"; fi
printf '%s\n' "$found"

devices= driver=
while IFS= read -r line; do
    [ -n "$line" ] || continue
    name=${line%%, *}
    [ "$name" != "$line" ] || end inconclusive "nvidia-smi says what no driver says: $line"
    driver=$(clean "${line##*, }")
    capability=
    if [ $fields = 3 ]; then capability=${line#*, }; capability=${capability%%, *}; fi
    devices="$devices${devices:+, }{\"name\": \"$(clean "$name")\", \"capability\": \"$(clean "$capability")\"}"
done <<LINES
$found
LINES
[ -n "$devices" ] || end inconclusive "nvidia-smi lists no device"

kernel=/proc/driver/nvidia/version
[ -r "$kernel" ] || end inconclusive "a stand-in: nvidia-smi lists devices, but the kernel here has no NVIDIA driver"
read -r version <"$kernel" || :
case " $version " in
    *" $driver "*) end passed "" "$devices" "$driver" ;;
    *) end inconclusive "nvidia-smi speaks of driver $driver, the kernel has another: $version" ;;
esac
