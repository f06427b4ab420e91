# Package and deployment; included by the Makefile.

INVENTORY ?= inventory
PACKAGES ?=

.PHONY: package
package: $(INSTALLED)  ## Build the .deb and the .rpm into dist/ (PACKAGES=deb: only that one)
	@$(BIN)/python packaging/build.py $(PACKAGES)
	@$(if $(PACKAGES),,touch dist/.built)

# What the packages are made of. A deployment builds them anew only if any of it has changed: not for your settings.
PACKAGED := $(shell find app monitoring packaging group_data/all.py tasks templates pyproject.toml requirements.lock -type f -not -name '*.pyc')

dist/.built: $(INSTALLED) $(PACKAGED)
	@$(BIN)/python packaging/build.py
	@touch $@

.PHONY: deploy
deploy: dist/.built  ## Carry out the installation guide on the hosts of INVENTORY=inventory/FILE.py
	@$(BIN)/python -m tasks $(INVENTORY)

.PHONY: deploy-dry
deploy-dry: dist/.built  ## Say what `make deploy` would change, and change nothing
	@$(BIN)/python -m tasks --dry $(INVENTORY)

.PHONY: verify
verify: $(INSTALLED)  ## Show how every host of INVENTORY stands, and change nothing
	@$(BIN)/python -m tasks --verify $(INVENTORY)

.PHONY: rollback
rollback: $(INSTALLED)  ## Go back to what the hosts of INVENTORY had before the last replacement of a product
	@$(BIN)/python -m tasks --rollback $(INVENTORY)
