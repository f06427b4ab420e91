# Runs a command line tool of Open-Xchange with the password from the standard input, and waits for an admin daemon that
# is still starting (exit status 105): $1 seconds at most. The rest is the command.
read -r ADMIN_PASSWORD
export ADMIN_PASSWORD
patience=$1
shift
deadline=$(($(date +%s) + patience))
while :; do
    "$@" </dev/null
    status=$?
    [ "$status" -eq 105 ] && [ "$(date +%s)" -lt "$deadline" ] || exit "$status"
    sleep 1
done
