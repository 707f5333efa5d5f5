"""The GraphQL protocol over HTTP (contract/graphql.md, 'HTTP'). It knows nothing of folders: the schema does.

A request passes `negotiation`, `request`, `documents`, then the executor; `errors` renders what goes wrong.
"""
