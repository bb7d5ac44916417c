from	debian:12	as	base
	run  one   	two
   copy	a	b
EnV	A	b
From base
