# Package and deployment; included by the Makefile.

INVENTORY ?= inventory

.PHONY: package
package: $(INSTALLED)  ## Build dist/open-xchange-usm_<version>_all.deb
	@$(BIN)/python packaging/build.py

.PHONY: deploy
deploy: package  ## Carry out the installation guide on the hosts of INVENTORY=inventory/FILE.py
	@$(BIN)/python -m tasks.run $(INVENTORY)

.PHONY: deploy-dry
deploy-dry: package  ## Say what `make deploy` would change, and change nothing
	@$(BIN)/python -m tasks.run --dry $(INVENTORY)
