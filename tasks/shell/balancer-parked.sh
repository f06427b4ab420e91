# How many phones wait for changes on this node, as the application on $1 (address), port $2 counts them.
node=$1 port=$2 timeout 5 bash -c '
    exec 3<>"/dev/tcp/$node/$port" || exit 1
    printf "GET /usm/metrics HTTP/1.0\r\nHost: %s\r\n\r\n" "$node" >&3
    cat <&3' 2>/dev/null | sed -n 's/^usm_parked_requests \([0-9.]*\).*/\1/p'
