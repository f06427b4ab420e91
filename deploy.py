"""The installation guide of the OXtender for Business Mobility, carried out on every host of the inventory.

    pyinfra inventory deploy.py

From whatever state a host is in to the one that the settings (group_data/) describe. Run again, it changes nothing and
restarts nothing; interrupted anywhere, the next run completes it. At each section all hosts wait for each other.
"""

from tasks import (
    accounts,
    backup,
    checks,
    database,
    dovecot,
    package,
    properties,
    proxy,
    rollout,
    run,
    services,
    updatetasks,
    upgrade,
)

run.begin()
upgrade.check()

# "Upgrade from a previous BETA version" takes the same steps and some more; each knows whether it is due.
run.section("New Installation")
updatetasks.heal()
upgrade.announce()
backup.keep()
services.withdraw()
package.install()
updatetasks.park()
services.stop()
database.save()
database.drop()
database.reset_version()
properties.configure_bundles()
services.restart_groupware()
database.run_update_tasks()
services.come_back()
updatetasks.put_back()
upgrade.settle()

run.section("Configuration")
rollout.carry_out()

run.section("Apache Configuration")
proxy.forward()
dovecot.push()

run.section("Enabling ActiveSync for user accounts")
accounts.apply()

run.section("Checks")
checks.ask()
run.finish()
