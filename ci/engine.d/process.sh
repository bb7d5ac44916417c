# Detached processes with a pid file and a log. A pid counts only while it still runs the program it was given to,
# with this home in its arguments: pids are reused.
# shellcheck shell=bash

alive() { # NAME PROGRAM
    local pid
    pid=$(note "run/$1.pid")
    [[ -n $pid && $(cat "/proc/$pid/comm" 2>/dev/null) == "$2" ]] &&
        tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$home/"
}

detach() { # NAME COMMAND...
    local name=$1
    shift
    # A stale pid, of a process that was killed, would tell await that the new one has died.
    rm -f "$home/run/$name.pid"
    # 9 is the lock: a daemon that kept it open would hold it for ever.
    setsid bash -c 'echo $$ >"$0" && exec "$@"' "$home/run/$name.pid" "$@" </dev/null >>"$home/log/$name.log" 2>&1 9>&- &
    disown
}

await() { # NAME PROGRAM SECONDS CHECK...
    local name=$1 program=$2 tries=$(($3 * 10))
    shift 3
    until "$@" >/dev/null 2>&1; do
        # The pid file may not be written yet in the first moments.
        if ((--tries <= 0)) || { [[ -s $home/run/$name.pid ]] && ! pid_exists "$(note "run/$name.pid")"; }; then
            tail -n 20 "$home/log/$name.log" >&2 || true
            fail "$program did not come up" "the whole log is $home/log/$name.log"
        fi
        sleep 0.1
    done
}

pid_exists() { [[ -d /proc/$1 ]]; }

stop() { # NAME PROGRAM
    local pid tries=300
    if alive "$1" "$2"; then
        pid=$(note "run/$1.pid")
        kill "$pid" 2>/dev/null || true
        while alive "$1" "$2" && ((--tries > 0)); do sleep 0.1; done
        ! alive "$1" "$2" || kill -9 "$pid" 2>/dev/null || true
        say "$1 stopped"
    fi
    rm -f "$home/run/$1.pid"
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() { # the port asked for, or the next free one
    local port=$1
    while listening "$port"; do ((port++)); done
    echo "$port"
}
