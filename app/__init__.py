"""Exchange ActiveSync for Open-Xchange: USM, the synchronisation framework, and EAS, the protocol on top of it."""
