from tests.support.machines import core_table, each_stack, local_aws

__all__ = ["core_table", "each_stack", "local_aws"]
