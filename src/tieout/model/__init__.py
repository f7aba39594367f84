"""The words: events, orders, fills, instruments, money, time; imports nothing of ours."""
