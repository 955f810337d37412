"""How far each department's approvals are gathered at the service centre (两集中、两到位, M-130): a checklist, checked by the office."""
