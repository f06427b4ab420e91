# Lays Debian's Apache out as RHEL has its own: the tool httpd, /etc/httpd, modules loaded by files, the user apache, and
# none of Debian's tools to switch things. Runs inside the layer that is being built.
useradd --system --user-group --no-create-home --home-dir /usr/share/httpd --shell /usr/sbin/nologin apache
update-rc.d -f apache2 remove
mkdir -p /etc/httpd/conf /etc/httpd/conf.d /etc/httpd/conf.modules.d /etc/pki/tls/certs /etc/pki/tls/private \
    /var/log/httpd /usr/libexec/lab
ln -s /usr/lib/apache2/modules /etc/httpd/modules
ln -s /var/log/httpd /etc/httpd/logs
ln -s /run/httpd /etc/httpd/run
mv /usr/sbin/apache2 /usr/libexec/lab/httpd
cat >/usr/sbin/httpd <<'END'
#!/bin/sh
mkdir -p /run/httpd
exec /usr/libexec/lab/httpd -d /etc/httpd -f conf/httpd.conf "$@"
END
cat >/etc/httpd/conf/httpd.conf <<'END'
ServerRoot /etc/httpd
PidFile run/httpd.pid
DefaultRuntimeDir run
User apache
Group apache
ServerName localhost
Listen 80
Include conf.modules.d/*.conf
ErrorLog logs/error_log
LogFormat "%h %l %u %t \"%r\" %>s %b" common
CustomLog logs/access_log common
TypesConfig /etc/mime.types
DirectoryIndex index.html
<Directory />
    AllowOverride none
    Require all denied
</Directory>
<Directory /var/www/html>
    Require all granted
</Directory>
IncludeOptional conf.d/*.conf
END
for module in authz_core authz_host alias dir env headers mime reqtimeout setenvif slotmem_shm socache_shmcb \
    proxy proxy_http proxy_balancer lbmethod_byrequests; do
    echo "LoadModule ${module}_module modules/mod_$module.so"
done >/etc/httpd/conf.modules.d/00-base.conf
cat >/etc/httpd/conf.modules.d/00-mpm.conf <<'END'
#LoadModule mpm_prefork_module modules/mod_mpm_prefork.so
LoadModule mpm_event_module modules/mod_mpm_event.so
END
echo 'LoadModule ssl_module modules/mod_ssl.so' >/etc/httpd/conf.modules.d/00-ssl.conf
echo 'Listen 443 https' >/etc/httpd/conf.d/ssl.conf
cat >/etc/init.d/httpd <<'END'
#!/bin/sh
### BEGIN INIT INFO
# Provides:          httpd
# Required-Start:    $local_fs $remote_fs $network
# Required-Stop:     $local_fs $remote_fs $network
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: Apache, laid out as on RHEL
### END INIT INFO
alive() {
    kill -0 "$(cat /run/httpd/httpd.pid 2>/dev/null)" 2>/dev/null
}
stop() {
    # It takes the file away before it has closed its ports.
    alive || return 0
    pid=$(cat /run/httpd/httpd.pid)
    httpd -k stop
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}
case $1 in
    start) alive || httpd -k start ;;
    stop) stop ;;
    restart) httpd -t && stop && httpd -k start ;;
    reload | graceful) httpd -t && httpd -k graceful ;;
    status) alive ;;
    *) exit 2 ;;
esac
END
chmod 755 /usr/sbin/httpd /etc/init.d/httpd
update-rc.d httpd defaults
rm -rf /etc/apache2 /etc/init.d/apache2 /usr/sbin/a2* /usr/sbin/apache2ctl /usr/sbin/apachectl
