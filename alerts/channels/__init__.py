"""The doors to what reaches people: a module per kind of channel, each the only one that knows its outside system."""
