"""What citizens read (公开查阅): answers, cases, units, the notice board, praise and criticism."""
