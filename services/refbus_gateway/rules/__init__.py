"""May this event go, come in, be shown, given what is stored? Decides and changes nothing."""
