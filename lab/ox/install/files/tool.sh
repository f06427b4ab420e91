#!/bin/sh
# $tool: talks to the admin daemon of this host (stand-in for the Open-Xchange server).
PYTHONPATH=$library$${PYTHONPATH:+:$$PYTHONPATH}
export PYTHONPATH
exec $python -P -m $program "$$@"
