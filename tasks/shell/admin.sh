# Runs a command line tool of Open-Xchange with the password from the standard input, and waits for an admin daemon that
# is still starting (exit status 105): $1 seconds at most. $2 seconds is what one call may take. The rest is the command.
read -r ADMIN_PASSWORD
export ADMIN_PASSWORD
patience=$1 limit=$2
shift 2
deadline=$(($(date +%s) + patience))
while :; do
    timeout "$limit" "$@" </dev/null
    status=$?
    [ "$status" -eq 105 ] && [ "$(date +%s)" -lt "$deadline" ] || exit "$status"
    sleep 1
done
