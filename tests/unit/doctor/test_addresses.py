"""Which addresses a machine has, from what the kernel says."""

from proxy.doctor.addresses import ipv4_in, ipv6_in, is_ours

FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     +-- 192.168.1.0/24 2 0 2
        +-- 192.168.1.0/28 2 0 2
           |-- 192.168.1.0
              /24 link UNICAST
           |-- 192.168.1.7
              /32 host LOCAL
        |-- 192.168.1.255
           /32 link BROADCAST
"""
IF_INET6 = """\
00000000000000000000000000000001 01 80 10 80       lo
fe80000000000000021122fffe334455 02 40 20 80     eth0
fd000000000000000000000000000002 02 40 00 80     eth0
"""


def test_ipv4() -> None:
    """Only addresses of this machine count, not networks and broadcast addresses."""
    assert ipv4_in(FIB_TRIE) == ["127.0.0.1", "192.168.1.7"]


def test_ipv6() -> None:
    """All addresses of all interfaces are listed."""
    assert ipv6_in(IF_INET6) == ["::1", "fe80::211:22ff:fe33:4455", "fd00::2"]


def test_a_kernel_that_says_nothing() -> None:
    """Where there is no table, there are no addresses."""
    assert ipv4_in("") == []
    assert ipv6_in("") == []


def test_whose_address_it_is() -> None:
    """An address of this machine can be bound to, and a stranger's cannot."""
    assert is_ours("127.0.0.1")
    assert not is_ours("192.0.2.123")
    assert not is_ours("no address")
