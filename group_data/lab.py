"""What differs in the lab: who may synchronise, short waits, and where the keys to its hosts are."""

from lab.plan import chosen_lab

_lab = chosen_lab()

ssh_user = "root"
ssh_key = str(_lab.key)
ssh_known_hosts_file = str(_lab.known_hosts)
ssh_config_file = "/dev/null"

# The lab makes its passwords when it comes up.
secrets_file = str(_lab.secrets)

# anton and berta by name, everybody in context 2; caesar and nora stay without, to be refused.
activesync = {1: ["anton", "berta"], 2: "all"}

# A new mail is found within two seconds, so that the demo need not wait for minutes.
email_pull_delay = 2000
email_pull_min_delay = 1000
pull_interval = 2000

# Many of its stories play without certificates.
allow_plain_http = True

test_login = "anton@example.org"
