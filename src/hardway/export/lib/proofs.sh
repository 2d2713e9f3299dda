# Looking whether things are as they should be.
# shellcheck shell=sh

# within SECONDS WHAT COMMAND...: try a command until it succeeds; end where it does not in time
within() {
    deadline=$(($(date +%s) + $1))
    what=$2
    shift 2
    while ! said=$("$@" 2>&1); do
        if [ "$(date +%s)" -ge "$deadline" ]; then
            say "  NOT OK $what"
            printf '%s\n' "$said" | sed 's/^/         /' >&2
            return 1
        fi
        sleep 0.5
    done
    say "  ok     $what"
}

# look SECONDS CHECK SUBJECT WHERE JUDGE [EXPECTED] <COMMANDS: run commands on a machine, or `here`,
# until what they print is as expected
look() {
    script=$(cat)
    seconds=$1 what="$2 of $3" where=$4
    shift 4
    within "$seconds" "$what" "$@"
}

seen() {
    if [ "$where" = here ]; then (eval "$script"); else on "$where" "$script"; fi
}

# succeeds: no command fails
succeeds() { seen; }

# last_line: the last one that is not empty, without the blanks around it
last_line() {
    seen 2>&1 | sed 's/^[[:space:]]*//; s/[[:space:]]*$//; /^$/d' | tail -n 1
}

# says EXPECTED: the last line is just that
says() {
    last=$(last_line)
    [ "$last" = "$1" ] || differs "$1" "$last"
}

# same [EXPECTED]: these words, however they are laid out
same() {
    words=$(seen | tr -s '[:space:]' ' ' | sed 's/^ //; s/ $//')
    [ "$words" = "${1:-}" ] || differs "${1:-}" "$words"
}

differs() {
    echo "expected: $1"
    echo "found:    $2"
    return 1
}
