"""Runs GraphQL operations from plans that are compiled once; for any schema of graphql-core or Strawberry."""

from gateway.execution.instances import InstancesOf
from gateway.execution.plan import Executed, Plan, PlanCompiler

__all__ = ["Executed", "InstancesOf", "Plan", "PlanCompiler"]
