# What the balancer $2 of this web host, whose manager listens on port $3, does with its members.
#   state                    configured=yes, running=yes, and of each: member=<name> <requests under way> <status, as
#                            Apache says it>
#   out $4                   sends the member $4 no new request, also after a restart; those under way finish
#   in $4 $5 $6 $7           puts it back as soon as it answers this host; $5 is the path to ask for, $6 seconds to wait,
#                            $7 seconds after which Apache tries a node again that did not answer
set -u
what=$1 balancer=$2 port=$3 member=${4-} path=${5-} seconds=${6-0} retry=${7-0}

# Prints "<name> <busy> <URL> <nonce> <status>" of each member, from the rows of the manager's table.
members() {
    sed -n "s/.*[?;&]b=$balancer&[amp;]*w=\([^&\"]*\)&[amp;]*nonce=\([^\"]*\)\">[^<]*<\/a><\/td>\
<td>\([^<]*\)<\/td><td>[^<]*<\/td><td>[^<]*<\/td><td>[^<]*<\/td><td>\([^<]*\)<\/td><td>[^<]*<\/td>\
<td>\([^<]*\)<\/td>.*/\3 \5 \1 \2 \4/p"
}

# Whether the balancer has the member: sets url, nonce, status, and server, which the manager calls itself.
find_member() {
    page=$(manager "$port")
    server=$(echo "$page" | server_of)
    # shellcheck disable=SC2046
    set -- $(echo "$page" | members | awk -v name="$member" '$1 == name')
    [ $# -ge 4 ] || return 1
    url=$3 nonce=$4
    shift 4
    status=" $* "
}

# Whether Apache can be told anything: it runs, with a configuration of ours that knows the manager.
can_be_told() {
    is_running || return 1
    grep -q "^Listen 127.0.0.1:" "$conf" 2>/dev/null || return 1
    find_member && return 0
    [ -z "$server" ] || return 1
    echo "Apache's balancer manager does not answer on 127.0.0.1:$port" >&2
    exit 1
}

change() {
    manager "$port" "b=$balancer&w=$url&nonce=$nonce&$1" "$server" >/dev/null
}

# Whether the member answers this host as a node should: with anything but an error of the server.
answers() {
    address=${url#*://}
    node=${address%:*} node_port=${address##*:} scheme=${url%%:*} path=$path timeout 5 bash -c '
        node=${node#[} node=${node%]}
        exec 3<>"/dev/tcp/$node/$node_port" || exit 1
        [ "$scheme" != ajp ] || exit 0
        printf "OPTIONS %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n" "$path" "$node" >&3
        IFS=" " read -r version code rest <&3
        case $code in [1-4]??) exit 0 ;; esac
        exit 1' 2>/dev/null
}

case $what in
    state)
        [ -e "$conf" ] || exit 0
        echo configured=yes
        if is_running; then echo running=yes; fi
        manager "$port" | members | while read -r name busy _url _nonce status; do
            echo "member=$name $busy $status"
        done
        ;;
    out)
        [ -e "$conf" ] || exit 0
        # Read by Apache when it starts or reloads.
        mkdir -p "$home/drained" &&
            echo "Define usm_status_$member +D" >"$home/drained/$member.new" &&
            mv "$home/drained/$member.new" "$home/drained/$member.conf" || exit 1
        can_be_told || exit 0
        change w_status_D=1
        find_member
        case $status in
            *" Dis "*) ;;
            *) echo "Apache does not take $member out of the balancer: its status is$status" >&2; exit 1 ;;
        esac
        ;;
    in)
        if ! can_be_told; then
            rm -f "$home/drained/$member.conf"
            exit 0
        fi
        end=$(($(date +%s) + seconds))
        until answers; do
            if [ "$(date +%s)" -ge $end ]; then
                echo "$member does not answer this web server at $url: it stays out of the balancer" >&2
                exit 1
            fi
            sleep 0.3
        done
        change "w_status_D=0&w_status_C=0"
        while find_member; do
            case $status in
                *" Dis "* | *" HcFl "*) ;;
                *)
                    # A node that once refused a request is tried again after that time, and no sooner.
                    case $status in *" Err "*) sleep "$retry" ;; esac
                    rm -f "$home/drained/$member.conf"
                    exit 0
                    ;;
            esac
            if [ "$(date +%s)" -ge $end ]; then break; fi
            sleep 0.3
        done
        echo "Apache does not use $member again: its status is$status" >&2
        exit 1
        ;;
esac
