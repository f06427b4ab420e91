# The lab: hosts to deploy to, on this machine. `make demo` needs nothing else to have been run before it.
# Another lab beside the first: make lab-up LAB=second. With other hosts: make lab-up LAB=many PLAN=many COUNT=12

LAB ?= oxlab
LAB_COMMAND = $(BIN)/python -m lab --name $(LAB)

.PHONY: demo
demo: $(INSTALLED)  ## The main job: package, lab, deployment, a phone that syncs (DEMO_ARGS=--keep leaves the lab up)
	@exec $(BIN)/python -m lab demo $(DEMO_ARGS)

.PHONY: lab-up
lab-up: $(INSTALLED)  ## Bring up the lab's hosts: web1, ox1, ox2, db1 (as root)
	@exec $(LAB_COMMAND) up $(if $(PLAN),--plan $(PLAN)) $(if $(COUNT),--count $(COUNT))

.PHONY: lab-down
lab-down: $(INSTALLED)  ## End everything of the lab
	@exec $(LAB_COMMAND) down

.PHONY: lab-status
lab-status: $(INSTALLED)  ## Which hosts run and what they answer
	@exec $(LAB_COMMAND) status

.PHONY: lab-shell
lab-shell: $(INSTALLED)  ## A shell on a host of the lab (HOST=ox1)
	@exec $(LAB_COMMAND) shell $(or $(HOST),$(error say which host: make lab-shell HOST=ox1))
