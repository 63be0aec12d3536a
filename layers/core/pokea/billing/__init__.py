"""What calls cost: witnesses' words reconciled into records, rated by price lists, audited against the carrier, summed and bounded."""
