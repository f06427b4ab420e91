"""Every setting of the deployment with its default.

A group's own values stand in ``group_data/<group>.py`` and replace these. Passwords never stand here: they come from
the environment or from a file outside the project (``tasks/secrets.py`` tells their names).
"""

from tasks.transport import attentive

# ssh ------------------------------------------------------------------------------------------------------

# Hosts must be known (~/.ssh/known_hosts, or the file that ssh_known_hosts_file names): no answer is trusted blindly.
ssh_strict_host_key_checking = "yes"

# Sends each command at once instead of waiting for the acknowledgement of the one before: two to three times faster. A
# host from which nothing has come for 30 seconds counts as lost, also in the middle of a long step.
ssh_paramiko_connect_kwargs = {"transport_factory": attentive(silence=30)}

# secrets --------------------------------------------------------------------------------------------------

# A file with the passwords, readable by its owner alone; the environment variable USM_SECRETS_FILE comes first.
secrets_file = ""

# package --------------------------------------------------------------------------------------------------

# The package to install: a .deb or an .rpm, a path relative to the project. Empty: the one of the project's own version
# that `make package` builds, a .deb or an .rpm as the host needs it.
package_file = ""

# Whether a host that has a newer version gets this one all the same; otherwise the run refuses before it begins.
allow_downgrade = False

# Its name, and the name of the service that it brings.
package_name = "open-xchange-usm"
service_name = "open-xchange-usm"

# What the package brings: "application" (this one), or "bundles", the vendor's, which run inside the groupware; then
# service_name is that of the groupware ("open-xchange-groupware", from OX 7 on "open-xchange") and proxy_scheme "ajp".
product = "application"

# Seconds that the service may take to start and to stop.
service_start_timeout = 90
service_stop_timeout = 90

# Nodes that are changed at the same time while the others serve.
rollout_nodes_at_once = 1

# Whether a new installation carries out the guide's steps with updatetasks.cfg, resetversion and a restart of the
# groupware. This application makes its tables itself and works without; the vendor's bundles always need them.
update_tasks = True

# rollback -------------------------------------------------------------------------------------------------

# How many backups stay on a host, each from before a product was replaced; the dumps of its tables are among them.
backups_kept = 3

# updatetasks.cfg (OX 6) --------------------------------------------------------------------------------------

# Where updatetasks.cfg waits while the update tasks of USM run.
updatetasks_parking = "/root"

# Seconds after which a host puts updatetasks.cfg back by itself when it hears nothing more from the deployment, which
# sends a heartbeat while the file is away. It does so at once when the deployment's connection ends.
updatetasks_patience = 45

# The version to which the guide resets the database, so that all update tasks that have not run yet are run.
database_version = 33

# Open-Xchange -------------------------------------------------------------------------------------------

# Seconds that groupware and admin daemon may take to restart and to answer again.
groupware_start_timeout = 180

# Seconds that one call of an administrator's tool may take.
admin_tool_timeout = 300

# The master administrator of Open-Xchange; its password is the secret OX_MASTER_PASSWORD. Empty where Open-Xchange asks
# for none (MASTER_AUTHENTICATION_DISABLED).
master_admin = "oxadminmaster"

# The administrator of each context, by context id; where a context is not named here it is the one below. The
# password is the secret OX_CONTEXT_<id>_PASSWORD, or OX_CONTEXT_PASSWORD where all contexts have the same. Empty where
# Open-Xchange asks for none (CONTEXT_AUTHENTICATION_DISABLED).
context_admins = {}
context_admin = "oxadmin"

# accounts -----------------------------------------------------------------------------------------------

# Who may synchronise: by context id, the names of users, or "all" for everybody in the context. Nobody's rights are
# taken away by leaving them out.
activesync = {}

# Who must not synchronise, told in the same way: the rights are taken away. A user who is named in one of the two
# counts more than the word "all" in the other.
activesync_off = {}

# Whether each run reports who may synchronise, in these contexts, though no setting names them.
accounts_report = True

# usm.properties; the meaning of each is told in templates/usm.properties.j2 ----------------------------------

ox_url = "http://127.0.0.1:8009/ajax/"
ox_connect_timeout = 5000
ox_read_timeout = 60000
failed_login_memory = 300
login_age = 14400
# Empty: 127.0.0.1 where the only web server is the host itself, otherwise the host's own address.
listen_host = ""
listen_port = 8010
admin_host = "127.0.0.1"
admin_port = 8011
# Administrators who may sign in at /usm/admin/, as "usmctl admin-password" prints them: set the secret USM_ADMIN_LOGINS
# instead.
admin_logins = ""
# Proxies that are believed in X-Forwarded-For and X-Forwarded-Proto. Empty: the private networks, and the hosts of the
# group web.
trusted_proxies = ""
# True: phones may send their password without TLS. Only where nothing but a private network lies between.
allow_plain_http = False
login_throttle_user = 10
login_throttle_address = 50
login_throttle_seconds = 900
workers = 0
worker_connections = 20000
max_request_size = 36700160
graceful_timeout = 30
pid_file = ""
log_file = "/var/log/open-xchange/open-xchange-usm.log"
log_level = "info"
log_format = "text"
trace_directory = "/var/log/open-xchange/usm-trace"
trace_size = 50000000
trace_days = 7
# Holds a password: if it is needed, set the secret USM_DATABASE_URL instead.
database_url = ""
# A database user of our own, who may do no more than is needed; its password is the secret USM_DATABASE_PASSWORD. The
# deployment makes it, by the login of the secret USM_DATABASE_ADMIN ("name:password") where Open-Xchange's own user may
# grant nothing. Run again whenever Open-Xchange has made a new schema. Empty: the service works as Open-Xchange's user.
database_user = ""
database_password = ""
configdb_properties = ""
# Keys for recovery passwords, if the policy has PasswordRecoveryEnabled: set the secret USM_SECRET_KEYS instead.
secret_keys = ""
lock_timeout = 10000
email_pull_delay = "50%"
email_pull_min_delay = 60000
pull_interval = 30000
# Holds a password: if it is needed, set the secret USM_REDIS_URL instead.
redis_url = ""
session_cache_check_interval = 60000
session_cache_check_interval_log_info = 300000
cache_session_timeout = 43200
cache_syncstate_timeout = 3600
force_new_sync_key_on_empty_sync = False
max_objects_per_folder = 65535
mass_delete_share = 50
mass_delete_least = 20
max_attachment_count_per_object = 100
json_alias = "/usm-json"
# Further lines, such as keys of other programs: {"key": "value"}. A key that has a setting here is refused.
extra_usm_properties = {}

# eas.properties; the meaning of each is told in templates/eas.properties.j2 ----------------------------------

alias = "/Microsoft-Server-ActiveSync"
max_heartbeat = 1770
min_heartbeat = 60
max_ping_folders = 300
max_collections = 300
default_window = 100
max_window = 512
provisioning = "required"
allow_non_provisionable = True
provisioning_exempt = "type:WindowsOutlook*"
provisioning_refresh_hours = 0
device_default = "allow"
device_allow = ""
device_quarantine = ""
device_block = ""
device_restless = "type:WindowsOutlook*"
max_devices = 1000
max_twins = 5
device_expire_days = 180
throttle_seconds = 300
throttle_requests = 30000
throttle_repeats = 150
throttle_parallel = 20
certificate_authorities = ""
certificate_revocations = ""
redirects = ""
credential_url = ""
balancer_node = ""
oauth = False
oauth_authorization_uri = ""
app_passwords = True
autodiscover_url = ""
domain_user = "$USER@$DOMAIN"
allow_folder_selection = False
extra_eas_properties = {}

# both files -----------------------------------------------------------------------------------------------------

# A value that is set here for everybody is a default: where somebody edited the key on a host, the edit stays. A value
# in group_data/<group>.py, of a host or with --data counts more than such an edit.

# Copies of each file, from before it was changed, that stay on a host.
property_copies_kept = 5

# Keys to set in the files that the vendor's package brings (product = "bundles"), all else there stays as it is; ox_url
# is set too: {"usm": {"key": "value"}, "eas": {"key": "value"}}.
bundle_properties = {}

# Apache -------------------------------------------------------------------------------------------------

# "http" for this application; "ajp" with port 8009 for the vendor's OSGi bundles inside the groupware.
proxy_scheme = "http"
# Port of the application nodes; None is the port that the application listens on.
proxy_port = None
balancer = "usm_cluster"
# Seconds that a node may take to answer: longer than the longest wait of a phone (max_heartbeat).
proxy_timeout = 1900
# Seconds after which an idle connection to a node is not used again.
proxy_ttl = 60
# Seconds after which a node that did not answer is tried again.
proxy_retry = 5
# Seconds between two questions to each node whether it is well; 0 asks nothing.
proxy_health_interval = 10
# Whether phones that know no more than an address of mail are led here: both spellings of the path of Autodiscover are
# forwarded too. For this application alone.
autodiscover = True
# Whether there are the users' pages (/usm/), and whether they are forwarded. Those of administrators, health and
# metrics never are.
pages = True
# Whether something in front of Apache ends TLS, and says in X-Forwarded-Proto how it was asked. Then what it says is
# handed on, and nobody else may reach Apache; otherwise Apache says what it has seen itself.
tls_before_apache = False
# Phones that may wait on one node at the same time. Apache (event or worker) is sized to it; where it still keeps a
# process for each request (prefork) it is switched to event. 0: Apache is left as it is.
phones_per_node = 1000

# With a certificate of its own, ActiveSync has a virtual host that answers to this name alone, over TLS: over plain
# HTTP phones are refused, because a redirect would hide for ever that they send their password in the clear. Without,
# our lines are part of the site as it is, with its names, certificates and rules.
server_name = ""
server_aliases = []
# Files of this machine, which are put onto each web host; or "host:/path" for one that is there and kept up there.
tls_certificate = ""
tls_key = ""
tls_chain = ""
tls_protocols = "all -SSLv3 -TLSv1 -TLSv1.1"
tls_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"
# Seconds for which a browser shall remember never to ask this name without TLS; 0 does not say so.
hsts_max_age = 15552000

# Port of Apache's balancer manager, by which nodes are taken out and put back; it listens on 127.0.0.1 of each web host
# alone. SELinux lets Apache listen on 8008.
manager_port = 8008
# Seconds for which a node that was taken out of the balancer may work on its last requests before it is changed.
drain_timeout = 30
# Seconds that a node may take to answer each web host before it is put back.
restore_timeout = 20

# Dovecot (hosts of the group mail) --------------------------------------------------------------------------

# Whether Dovecot (2.3) tells every application node of new mail at once (PUT /preliminary/http-notify/v1/notify). The
# password is the secret USM_PUSH_PASSWORD; the application listens to Dovecot only where it has that.
dovecot_push = False
dovecot_push_login = "dovecot"
dovecot_push_password = ""
# Port of the nodes; None is the port that the application listens on.
dovecot_push_port = None
# By which protocols mail comes in.
dovecot_push_protocols = ["lmtp", "lda"]

# checks -------------------------------------------------------------------------------------------------

# Where a phone reaches the service, asked after the deployment: an URL without path. Empty: each web host by its own
# address on port 80.
public_url = ""
# The authority that signed the certificate of public_url: a file with certificates on the machine that runs the
# deployment. Empty: the authorities that this machine trusts.
public_ca = ""
# A login that may synchronise, for a check with a password (the secret USM_TEST_PASSWORD): a phone is played that
# synchronises the folders and the beginning of the inbox, and writes nothing. Empty: no such check.
test_login = ""
# Seconds within which a node, or a web server, must give all the right answers.
check_timeout = 30
# A certificate that ends in fewer days is a warning.
certificate_warning_days = 21
