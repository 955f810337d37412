"""After an interruption (中断之后): who died is noticed; what went on unseen is taken up, repaired and taken in."""
