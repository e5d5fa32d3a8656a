"""Every error number of MySQL and MariaDB, by what it means for a read.

Sources: MySQL Server Error Message Reference (9.x), MariaDB's mysqld_error.h (10.11; its own are 1900-1982
and 4000-4192, of which MySQL uses the latter too, for other things), PyMySQL's constants.ER and CR.
"""

from __future__ import annotations

from hybrid_etl.readers.error_kinds import ErrorKind, numbers

NO_SUCH_DATABASE = 1049
TIMEOUTS = {1969: "max_statement_time", 3024: "max_execution_time", 1205: "innodb_lock_wait_timeout"}

WAIT = numbers(
    # Too many connections, shutting down, threads, lines that break, quotas of an hour, kills, locks.
    "1040 1042-1043 1053 1077-1080 1135 1152 1154-1161 1184 1189-1190 1203 1205-1206 1213 1218-1219 1226 "
    "1297 1317 1412 1461 1613-1615 1622 1637 1689 1829 1927 1969 3024 3032 3058 3101 3168-3169 3572 3707 "
    # The client's own: cannot connect, gone away, lost.
    "2002-2006 2011-2013 2055"
)

FAULT = numbers(
    # Files, memory, disks, tables that are broken; what only replication, the log or the engine meet.
    "1001-1006 1009-1019 1021 1023-1030 1032-1035 1037-1039 1041 1081 1085-1086 1098 1105 1114 1119 1126 "
    "1180-1183 1186-1188 1194-1197 1199-1202 1220 1257 1259 1285 1296 1340 1371-1382 1429-1430 1467 1501 "
    "1528-1530 1533-1535 1545 1565 1570 1574 1579-1580 1587 1590 1593-1598 1602 1606 1610 1627 1682 1696 "
    "1705 1712-1713 1728 1743-1744 1805 1808-1818 1835 1866 1874-1879 1931-1932 1939-1958 1964 "
    "2000-2001 2007-2010 2014-2025 2027-2054 2056-2057 2062-2073 "
    "3000-3003 3015 3019 3044 3054 3100 3182-3185 3231-3233 3655 3813 3858 4031 4034 4067-4068 4075 4139 "
    "4148 4176 4189"
)

ACCESS = numbers(
    "1044-1045 1049 1129-1130 1142-1143 1227 1251 1275 1370 1524 1698 1820 1862 1873 1959-1960 "
    "2058-2061 3118 3159 3878 3955 4150-4151"
)
"""Who may: of the user, whatever the query is; messages name accounts and objects."""

DATA = numbers(
    # A row's value makes them, and their messages may quote it: only the number is told.
    "1022 1048 1062 1139 1153 1162 1169 1210 1215-1217 1264-1265 1292 1301 1365-1367 1406 1411 1416 "
    "1425-1427 1441 1451-1452 1525-1526 1586 1591 1642-1646 1690 1741-1742 1748 1761-1762 1775 1859 "
    "1863 1916-1922 1977 1980 3020 3033-3043 3045-3053 3055 3064 3140-3158 3516-3519 3548 3554 "
    "3604-3607 3614-3618 3652-3654 3669-3678 3682-3700 3704 3706 3713-3716 3730-3733 3752 3756 3788 "
    "3803-3806 3819-3820 3840-3842 3848-3854 3903-3909 3961-3968 4025 4027-4029 4035-4046 4048-4051 "
    "4076 4084-4085 4103 4127 4178-4179 4186 "
)

USER = (
    numbers("1000 1007-1008 1020 1031 1036 1044-1400 1401-1880 1900-1982 2026 2058-2061 3004-4192 4200-4999")
    - WAIT
    - FAULT
) | DATA
"""What a repetition meets again: the query, its objects, grants, settings of the server."""

TOLD = (
    ACCESS
    | numbers(
        "2006 2013 "
        "1046-1047 1051-1061 1063-1067 1082 1091 1093 1096-1097 1102-1104 1106-1112 1115-1118 1120 1122-1124 "
        "1127-1128 1136-1138 1140-1141 1144-1149 1166-1168 1172 1175-1178 1191-1193 1214 1221-1222 1228-1242 "
        "1247-1253 1267-1274 1286 1290 1295 1304-1324 1327-1339 1345-1356 1382-1386 1405 1410 1414-1415 "
        "1418 1424 1437 1442 1444 1446-1449 1456-1464 1473-1475 1477 1487 1491 1558 1567 1577-1578 1582-1585 "
        "1599-1600 1615 1630 1651 1691 1702 1735 1747 1764 1791-1792 1923-1926 1933 1965 1970-1971 1979 1981 "
        "3009 3012 3028-3029 3057 3065-3066 3118 3566 3569-3603 3626-3636 3664-3668 3708-3711 3749-3751 3772 "
        "3774-3775 3807-3812 3878-3879 3988 4002-4023 4026 4062-4063 4074 4078-4081 4089-4092 4099-4102 "
        "4104-4107 4122 4124 4141 4156 4161-4162 4172 4177 4180"
    )
) - DATA
"""Messages that name only objects, functions and words of the query. All others may hold more."""


CUT_SHORT = {
    1260: "has cut a text of GROUP_CONCAT or of an aggregate of JSON short",
    1301: "has put NULL for a text that is longer than max_allowed_packet",
    1931: "has ended the query before its last row",
}
"""Warnings after which the result lacks rows or parts of values, though the statement has succeeded."""


def error_kind(number: int) -> ErrorKind | None:
    """What an error number means; None for one that is in no table."""
    if number in WAIT:
        return ErrorKind.WAIT
    if number in FAULT:
        return ErrorKind.FAULT
    return ErrorKind.USER if number in USER else None
