"""Signed reports of other hotlines (外来报表, M-106 「全省统一」): taken in whole or not at all, kept as they came, beside one's own."""
