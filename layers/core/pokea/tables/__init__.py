"""The tables of a profile file, one module per area: pydantic checks them, and each yields the dataclass that the domain works with."""
