# Makes the folder $1 for what the deployment keeps on a host.
mkdir -p "$1" && chmod 755 "$1"
