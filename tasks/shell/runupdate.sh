# Runs the pending update tasks of the schema of context $1, and waits for a daemon that is still starting: $2 seconds at
# most. $3 seconds is what one call may take. Says "refused" and ends well where the tool wants credentials: it takes a
# password from its command line alone.
deadline=$(($(date +%s) + $2))
while :; do
    said=$(timeout "$3" /opt/open-xchange/sbin/runupdate -c "$1" 2>&1 </dev/null)
    status=$?
    case $status/$said in
        0/*) break ;;
        255/* | */*[Cc]redential* | */*[Aa]uthentication*)
            echo refused
            exit 0
            ;;
        */*"onnect"*)
            if [ "$(date +%s)" -lt "$deadline" ]; then
                sleep 1
                continue
            fi
            ;;
    esac
    break
done
echo "$said"
[ "$status" -eq 0 ] || { echo "$said" >&2; exit 1; }
