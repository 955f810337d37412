"""The service-centre window, letters and visits (窗口受理、信函、来访): staff pages without a telephone (M-102, M-108, M-130)."""
