# Calls of Open-Xchange's command line tools. Passwords come on the standard input, and stand in the environment of the
# tool alone (ADMIN_PASSWORD).
#
# admin.sh run PATIENCE LIMIT TOOL...
#   standard input: the password. Runs the tool with its options, and ends as it does.
#
# admin.sh list PATIENCE LIMIT LISTUSER
#   standard input: for each context its id, the name of its administrator (may be empty) and the password, a line each.
#   Prints "=context ID", what the tool prints, and "=status N" for each; on the standard error "=context ID" too.
#
# admin.sh change PATIENCE LIMIT CALL...
#   standard input: the password. CALL: a command, quoted for the shell. Ends with the first one that fails.
#
# PATIENCE: seconds for which an admin daemon that is still starting (exit status 105) is waited for; LIMIT: seconds that
# one call may take.
set -u
action=$1 patience=$2 limit=$3

call() {
    deadline=$(($(date +%s) + patience))
    while :; do
        timeout "$limit" "$@" </dev/null
        status=$?
        [ "$status" -eq 105 ] && [ "$(date +%s)" -lt "$deadline" ] || return "$status"
        sleep 1
    done
}

case $action in
    run)
        IFS= read -r ADMIN_PASSWORD
        export ADMIN_PASSWORD
        shift 3
        call "$@"
        ;;
    list)
        while IFS= read -r context && IFS= read -r admin && IFS= read -r ADMIN_PASSWORD; do
            export ADMIN_PASSWORD
            echo "=context $context"
            echo "=context $context" >&2
            call "$4" ${admin:+-A "$admin"} -c "$context" --csv
            echo "=status $?"
        done
        ;;
    change)
        IFS= read -r ADMIN_PASSWORD
        export ADMIN_PASSWORD
        shift 3
        for line in "$@"; do
            eval "call $line" && continue
            status=$?
            echo "this call failed with status $status: $line" >&2
            exit "$status"
        done
        ;;
esac
