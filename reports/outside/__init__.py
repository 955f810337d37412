"""What other systems report for supervision (外部监督数据): items of administrative approval, and series of figures."""
