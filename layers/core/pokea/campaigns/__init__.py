"""Outbound campaigns: a list of people who agreed to be called, called once each at a lawful hour, at the pace the line can take."""
