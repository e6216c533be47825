"""The backend at the far end of a pipe: who may change a host talks to it through here, in this process or as root."""
