# A host of the RHEL family, as far as a deployment can see: its name says so, and Debian's tools are gone. What they
# installed stays, and rpm's database knows it. Runs inside the layer that is being built.
cat >/etc/os-release.lab <<'END'
NAME="Enterprise Linux of the lab (a stand-in: Debian with rpm)"
ID=lab
ID_LIKE="rhel centos fedora"
VERSION_ID="9"
PRETTY_NAME="Enterprise Linux of the lab 9"
END
mv -f /etc/os-release.lab /usr/lib/os-release
ln -sf ../usr/lib/os-release /etc/os-release
rm -f /etc/debian_version
echo 'Enterprise Linux of the lab 9' >/etc/redhat-release
for tool in apt apt-cache apt-get apt-mark dpkg dpkg-deb dpkg-query dpkg-split deb-systemd-helper deb-systemd-invoke; do
    rm -f "/usr/bin/$tool"
done
