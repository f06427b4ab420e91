# Package and deployment; included by the Makefile. PYTHON is the project's own interpreter.
PYTHON ?= .venv/bin/python
INVENTORY ?= inventory

.PHONY: package deploy deploy-dry

package: ## build dist/open-xchange-usm_<version>_all.deb
	$(PYTHON) packaging/build.py

deploy: ## carry out the installation guide on the hosts of INVENTORY=inventory/FILE.py
	$(PYTHON) -m tasks.run $(INVENTORY)

deploy-dry: ## show what `make deploy` would change, and change nothing
	$(PYTHON) -m tasks.run --dry $(INVENTORY)
