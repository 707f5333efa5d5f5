"""The GraphQL protocol over HTTP (contract/graphql.md, 'HTTP'). It knows no folder: the schema does.

A request passes `negotiation`, `request`, `documents`, then the executor; `errors` renders what goes wrong.
"""
