#!/bin/sh
# Runs the server in the foreground (stand-in for the Open-Xchange server).
PYTHONPATH=$library
PYTHONUNBUFFERED=1
export PYTHONPATH PYTHONUNBUFFERED
exec $python -P -m lab.ox $command --etc $etc "$$@" >>$log 2>&1
