/*M!999999\- enable the sandbox mode */ 
-- MariaDB dump 10.19  Distrib 10.11.18-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: small
-- ------------------------------------------------------
-- Server version	10.11.18-MariaDB-0+deb12u1

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;

--
-- Current Database: `small`
--

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `small` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci */;

USE `small`;

--
-- Table structure for table `authors`
--

DROP TABLE IF EXISTS `authors`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `authors` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `full_name` varchar(255) NOT NULL,
  `born` date DEFAULT NULL,
  `bio` mediumtext DEFAULT NULL,
  `rating` float DEFAULT NULL,
  `score` double DEFAULT 0.5,
  `mood` enum('calm','gl''ad','cross') DEFAULT 'calm',
  `perms` set('r','w','x') DEFAULT NULL,
  `created` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
  `seen` datetime(6) DEFAULT NULL,
  `token` uuid DEFAULT NULL,
  `ip` inet6 DEFAULT NULL,
  `flags` bit(8) DEFAULT b'101',
  `big` bigint(20) unsigned DEFAULT 18446744073709551615,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=8 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `authors`
--

LOCK TABLES `authors` WRITE;
/*!40000 ALTER TABLE `authors` DISABLE KEYS */;
INSERT INTO `authors` (`id`, `full_name`, `born`, `bio`, `rating`, `score`, `mood`, `perms`, `created`, `seen`, `token`, `ip`, `flags`, `big`) VALUES (1,'Author 1','1950-01-02','one\ntwo\r\n-- not; # a /* comment',0.333333,0.142857142,'gl\'ad','r,x','2024-02-29 12:00:00','2020-01-01 10:00:00.123456','00000000-0000-4000-8000-000000000001','::1',0x0A,1);
INSERT INTO `authors` (`id`, `full_name`, `born`, `bio`, `rating`, `score`, `mood`, `perms`, `created`, `seen`, `token`, `ip`, `flags`, `big`) VALUES (2,'Author 2','1950-01-03','one\ntwo\r\n-- not; # a /* comment',0.666667,0.285714285,'cross','r,x','2024-02-29 12:00:00','2020-01-01 10:00:00.123456','00000000-0000-4000-8000-000000000002','::1',0x0A,2);
INSERT INTO `authors` (`id`, `full_name`, `born`, `bio`, `rating`, `score`, `mood`, `perms`, `created`, `seen`, `token`, `ip`, `flags`, `big`) VALUES (3,'Author 3','1950-01-04','one\ntwo\r\n-- not; # a /* comment',1,0.428571428,'calm','r,x','2024-02-29 12:00:00','2020-01-01 10:00:00.123456','00000000-0000-4000-8000-000000000003','::1',0x0A,3);
INSERT INTO `authors` (`id`, `full_name`, `born`, `bio`, `rating`, `score`, `mood`, `perms`, `created`, `seen`, `token`, `ip`, `flags`, `big`) VALUES (4,'Author 4','1950-01-05','one\ntwo\r\n-- not; # a /* comment',1.33333,0.571428571,'gl\'ad','r,x','2024-02-29 12:00:00','2020-01-01 10:00:00.123456','00000000-0000-4000-8000-000000000004','::1',0x0A,4);
INSERT INTO `authors` (`id`, `full_name`, `born`, `bio`, `rating`, `score`, `mood`, `perms`, `created`, `seen`, `token`, `ip`, `flags`, `big`) VALUES (5,'Author 5',NULL,'one\ntwo\r\n-- not; # a /* comment',1.66667,0.714285714,'cross','r,x','2024-02-29 12:00:00','2020-01-01 10:00:00.123456','00000000-0000-4000-8000-000000000005','::1',0x0A,5);
INSERT INTO `authors` (`id`, `full_name`, `born`, `bio`, `rating`, `score`, `mood`, `perms`, `created`, `seen`, `token`, `ip`, `flags`, `big`) VALUES (6,'Author 6','1950-01-07','one\ntwo\r\n-- not; # a /* comment',2,0.857142857,'calm','r,x','2024-02-29 12:00:00','2020-01-01 10:00:00.123456','00000000-0000-4000-8000-000000000006','::1',0x0A,6);
/*!40000 ALTER TABLE `authors` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `books`
--

DROP TABLE IF EXISTS `books`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `books` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `title` varchar(200) NOT NULL,
  `order` int(11) DEFAULT NULL,
  `Group` text DEFAULT NULL,
  `publisher_id` int(10) unsigned NOT NULL,
  `author_id` bigint(20) unsigned DEFAULT NULL,
  `price` decimal(10,2) NOT NULL DEFAULT 9.99,
  `weight` decimal(38,10) DEFAULT NULL,
  `cover` blob DEFAULT NULL,
  `bin` binary(16) DEFAULT NULL,
  `extra` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(`extra`)),
  `printed` datetime DEFAULT NULL,
  `opens` time DEFAULT NULL,
  `pages` smallint(5) unsigned DEFAULT NULL CHECK (`pages` > 0),
  `net_price` decimal(12,3) GENERATED ALWAYS AS (`price` * 0.8) STORED,
  `upper_title` varchar(200) GENERATED ALWAYS AS (ucase(`title`)) VIRTUAL,
  `place` point DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uq` (`publisher_id`,`title`,`id`),
  KEY `by_title` (`title`(50)),
  KEY `by_price` (`price` DESC,`title`),
  KEY `f2` (`author_id`),
  FULLTEXT KEY `ft` (`title`),
  CONSTRAINT `f1` FOREIGN KEY (`publisher_id`) REFERENCES `publishers` (`id`) ON DELETE CASCADE,
  CONSTRAINT `f2` FOREIGN KEY (`author_id`) REFERENCES `authors` (`id`) ON DELETE SET NULL,
  CONSTRAINT `cp` CHECK (`price` >= 0)
) ENGINE=InnoDB AUTO_INCREMENT=116 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `books`
--

LOCK TABLES `books` WRITE;
/*!40000 ALTER TABLE `books` DISABLE KEYS */;
INSERT INTO `books` (`id`, `title`, `order`, `Group`, `publisher_id`, `author_id`, `price`, `weight`, `cover`, `bin`, `extra`, `printed`, `opens`, `pages`, `net_price`, `upper_title`, `place`) VALUES (101,'Book 1 æøå €😀',1,'g',2,2,0.01,1.0000001000,0xC4CA4238A0B923820DCC509A6F75849B,0xC4CA4238A0B923820DCC509A6F75849B,'{\"a\": 1, \"c\": \"q\\\"\\\\\"}','2020-01-01 01:00:00','12:00:01',2,0.008,'BOOK 1 ÆØÅ €😀',0x000000000101000000000000000000F03F0000000000000040);
INSERT INTO `books` (`id`, `title`, `order`, `Group`, `publisher_id`, `author_id`, `price`, `weight`, `cover`, `bin`, `extra`, `printed`, `opens`, `pages`, `net_price`, `upper_title`, `place`) VALUES (102,'Book 2 æøå €😀',2,'g',3,3,0.02,2.0000002000,0xC81E728D9D4C2F636F067F89CC14862C,0xC81E728D9D4C2F636F067F89CC14862C,'{\"a\": 2, \"c\": \"q\\\"\\\\\"}','2020-01-01 02:00:00','12:00:01',3,0.016,'BOOK 2 ÆØÅ €😀',0x000000000101000000000000000000F03F0000000000000040);
INSERT INTO `books` (`id`, `title`, `order`, `Group`, `publisher_id`, `author_id`, `price`, `weight`, `cover`, `bin`, `extra`, `printed`, `opens`, `pages`, `net_price`, `upper_title`, `place`) VALUES (103,'Book 3 æøå €😀',3,'g',4,4,0.03,3.0000003000,0xECCBC87E4B5CE2FE28308FD9F2A7BAF3,0xECCBC87E4B5CE2FE28308FD9F2A7BAF3,'{\"a\": 3, \"c\": \"q\\\"\\\\\"}','2020-01-01 03:00:00','12:00:01',4,0.024,'BOOK 3 ÆØÅ €😀',0x000000000101000000000000000000F03F0000000000000040);
INSERT INTO `books` (`id`, `title`, `order`, `Group`, `publisher_id`, `author_id`, `price`, `weight`, `cover`, `bin`, `extra`, `printed`, `opens`, `pages`, `net_price`, `upper_title`, `place`) VALUES (104,'Book 4 æøå €😀',4,'g',5,5,0.04,4.0000004000,0xA87FF679A2F3E71D9181A67B7542122C,0xA87FF679A2F3E71D9181A67B7542122C,'{\"a\": 4, \"c\": \"q\\\"\\\\\"}','2020-01-01 04:00:00','12:00:01',5,0.032,'BOOK 4 ÆØÅ €😀',0x000000000101000000000000000000F03F0000000000000040);
INSERT INTO `books` (`id`, `title`, `order`, `Group`, `publisher_id`, `author_id`, `price`, `weight`, `cover`, `bin`, `extra`, `printed`, `opens`, `pages`, `net_price`, `upper_title`, `place`) VALUES (105,'Book 5 æøå €😀',5,'g',6,6,0.05,5.0000005000,0xE4DA3B7FBBCE2345D7772B0674A318D5,0xE4DA3B7FBBCE2345D7772B0674A318D5,'{\"a\": 5, \"c\": \"q\\\"\\\\\"}','2020-01-01 05:00:00','12:00:01',6,0.040,'BOOK 5 ÆØÅ €😀',0x000000000101000000000000000000F03F0000000000000040);
INSERT INTO `books` (`id`, `title`, `order`, `Group`, `publisher_id`, `author_id`, `price`, `weight`, `cover`, `bin`, `extra`, `printed`, `opens`, `pages`, `net_price`, `upper_title`, `place`) VALUES (106,'Book 6 æøå €😀',6,'g',7,1,0.06,6.0000006000,0x1679091C5A880FAF6FB5E6087EB1B2DC,0x1679091C5A880FAF6FB5E6087EB1B2DC,'{\"a\": 6, \"c\": \"q\\\"\\\\\"}','2020-01-01 06:00:00','12:00:01',7,0.048,'BOOK 6 ÆØÅ €😀',0x000000000101000000000000000000F03F0000000000000040);
INSERT INTO `books` (`id`, `title`, `order`, `Group`, `publisher_id`, `author_id`, `price`, `weight`, `cover`, `bin`, `extra`, `printed`, `opens`, `pages`, `net_price`, `upper_title`, `place`) VALUES (107,'Book 7 æøå €😀',7,'g',8,2,0.07,7.0000007000,0x8F14E45FCEEA167A5A36DEDD4BEA2543,0x8F14E45FCEEA167A5A36DEDD4BEA2543,'{\"a\": 7, \"c\": \"q\\\"\\\\\"}','2020-01-01 07:00:00','12:00:01',8,0.056,'BOOK 7 ÆØÅ €😀',0x000000000101000000000000000000F03F0000000000000040);
INSERT INTO `books` (`id`, `title`, `order`, `Group`, `publisher_id`, `author_id`, `price`, `weight`, `cover`, `bin`, `extra`, `printed`, `opens`, `pages`, `net_price`, `upper_title`, `place`) VALUES (108,'Book 8 æøå €😀',8,'g',1,3,0.08,8.0000008000,0xC9F0F895FB98AB9159F51FD0297E236D,0xC9F0F895FB98AB9159F51FD0297E236D,'{\"a\": 8, \"c\": \"q\\\"\\\\\"}','2020-01-01 08:00:00','12:00:01',9,0.064,'BOOK 8 ÆØÅ €😀',0x000000000101000000000000000000F03F0000000000000040);
INSERT INTO `books` (`id`, `title`, `order`, `Group`, `publisher_id`, `author_id`, `price`, `weight`, `cover`, `bin`, `extra`, `printed`, `opens`, `pages`, `net_price`, `upper_title`, `place`) VALUES (109,'Book 9 æøå €😀',9,'g',2,NULL,0.09,9.0000009000,0x45C48CCE2E2D7FBDEA1AFC51C7C6AD26,0x45C48CCE2E2D7FBDEA1AFC51C7C6AD26,'{\"a\": 9, \"c\": \"q\\\"\\\\\"}','2020-01-01 09:00:00','12:00:01',10,0.072,'BOOK 9 ÆØÅ €😀',0x000000000101000000000000000000F03F0000000000000040);
INSERT INTO `books` (`id`, `title`, `order`, `Group`, `publisher_id`, `author_id`, `price`, `weight`, `cover`, `bin`, `extra`, `printed`, `opens`, `pages`, `net_price`, `upper_title`, `place`) VALUES (110,'Book 10 æøå €😀',10,'g',3,5,0.10,10.0000010000,0xD3D9446802A44259755D38E6D163E820,0xD3D9446802A44259755D38E6D163E820,'{\"a\": 10, \"c\": \"q\\\"\\\\\"}','2020-01-01 10:00:00','12:00:01',11,0.080,'BOOK 10 ÆØÅ €😀',0x000000000101000000000000000000F03F0000000000000040);
INSERT INTO `books` (`id`, `title`, `order`, `Group`, `publisher_id`, `author_id`, `price`, `weight`, `cover`, `bin`, `extra`, `printed`, `opens`, `pages`, `net_price`, `upper_title`, `place`) VALUES (111,'Book 11 æøå €😀',11,'g',4,6,0.11,11.0000011000,0x6512BD43D9CAA6E02C990B0A82652DCA,0x6512BD43D9CAA6E02C990B0A82652DCA,'{\"a\": 11, \"c\": \"q\\\"\\\\\"}','2020-01-01 11:00:00','12:00:01',12,0.088,'BOOK 11 ÆØÅ €😀',0x000000000101000000000000000000F03F0000000000000040);
INSERT INTO `books` (`id`, `title`, `order`, `Group`, `publisher_id`, `author_id`, `price`, `weight`, `cover`, `bin`, `extra`, `printed`, `opens`, `pages`, `net_price`, `upper_title`, `place`) VALUES (112,'Book 12 æøå €😀',12,'g',5,1,0.12,12.0000012000,0xC20AD4D76FE97759AA27A0C99BFF6710,0xC20AD4D76FE97759AA27A0C99BFF6710,'{\"a\": 12, \"c\": \"q\\\"\\\\\"}','2020-01-01 12:00:00','12:00:01',13,0.096,'BOOK 12 ÆØÅ €😀',0x000000000101000000000000000000F03F0000000000000040);
/*!40000 ALTER TABLE `books` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Temporary table structure for view `cheap`
--

DROP TABLE IF EXISTS `cheap`;
/*!50001 DROP VIEW IF EXISTS `cheap`*/;
SET @saved_cs_client     = @@character_set_client;
SET character_set_client = utf8mb4;
/*!50001 CREATE VIEW `cheap` AS SELECT
 NULL AS `id`,
 NULL AS `title` */;
SET character_set_client = @saved_cs_client;

--
-- Table structure for table `employees`
--

DROP TABLE IF EXISTS `employees`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `employees` (
  `id` int(11) NOT NULL,
  `boss` int(11) DEFAULT NULL,
  `name` text DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `boss` (`boss`),
  CONSTRAINT `employees_ibfk_1` FOREIGN KEY (`boss`) REFERENCES `employees` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `employees`
--

LOCK TABLES `employees` WRITE;
/*!40000 ALTER TABLE `employees` DISABLE KEYS */;
INSERT INTO `employees` (`id`, `boss`, `name`) VALUES (1,3,'E');
INSERT INTO `employees` (`id`, `boss`, `name`) VALUES (2,4,'E');
INSERT INTO `employees` (`id`, `boss`, `name`) VALUES (3,5,'E');
INSERT INTO `employees` (`id`, `boss`, `name`) VALUES (4,NULL,'E');
INSERT INTO `employees` (`id`, `boss`, `name`) VALUES (5,NULL,'E');
INSERT INTO `employees` (`id`, `boss`, `name`) VALUES (6,NULL,'E');
/*!40000 ALTER TABLE `employees` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `items`
--

DROP TABLE IF EXISTS `items`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `items` (
  `warehouse` int(11) NOT NULL,
  `book_id` int(11) NOT NULL,
  `amount` int(11) NOT NULL,
  `when` timestamp NULL DEFAULT NULL,
  PRIMARY KEY (`warehouse`,`book_id`),
  KEY `f3` (`book_id`),
  CONSTRAINT `f3` FOREIGN KEY (`book_id`) REFERENCES `books` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `items`
--

LOCK TABLES `items` WRITE;
/*!40000 ALTER TABLE `items` DISABLE KEYS */;
INSERT INTO `items` (`warehouse`, `book_id`, `amount`, `when`) VALUES (1,101,5,'2021-01-01 00:00:00');
INSERT INTO `items` (`warehouse`, `book_id`, `amount`, `when`) VALUES (1,102,5,'2021-01-01 00:00:00');
INSERT INTO `items` (`warehouse`, `book_id`, `amount`, `when`) VALUES (1,103,5,'2021-01-01 00:00:00');
INSERT INTO `items` (`warehouse`, `book_id`, `amount`, `when`) VALUES (2,101,5,'2021-01-01 00:00:00');
INSERT INTO `items` (`warehouse`, `book_id`, `amount`, `when`) VALUES (2,102,5,'2021-01-01 00:00:00');
INSERT INTO `items` (`warehouse`, `book_id`, `amount`, `when`) VALUES (2,103,5,'2021-01-01 00:00:00');
INSERT INTO `items` (`warehouse`, `book_id`, `amount`, `when`) VALUES (3,101,5,'2021-01-01 00:00:00');
INSERT INTO `items` (`warehouse`, `book_id`, `amount`, `when`) VALUES (3,102,5,'2021-01-01 00:00:00');
INSERT INTO `items` (`warehouse`, `book_id`, `amount`, `when`) VALUES (3,103,5,'2021-01-01 00:00:00');
/*!40000 ALTER TABLE `items` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `log`
--

DROP TABLE IF EXISTS `log`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `log` (
  `line` text DEFAULT NULL,
  `at` datetime DEFAULT current_timestamp(),
  `n` int(11) DEFAULT NULL,
  KEY `n` (`n`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `log`
--

LOCK TABLES `log` WRITE;
/*!40000 ALTER TABLE `log` DISABLE KEYS */;
INSERT INTO `log` (`line`, `at`, `n`) VALUES ('l1;','2024-02-29 12:00:00',1);
INSERT INTO `log` (`line`, `at`, `n`) VALUES ('l2;','2024-02-29 12:00:00',2);
INSERT INTO `log` (`line`, `at`, `n`) VALUES ('l3;','2024-02-29 12:00:00',3);
/*!40000 ALTER TABLE `log` ENABLE KEYS */;
UNLOCK TABLES;
/*!50003 SET @saved_cs_client      = @@character_set_client */ ;
/*!50003 SET @saved_cs_results     = @@character_set_results */ ;
/*!50003 SET @saved_col_connection = @@collation_connection */ ;
/*!50003 SET character_set_client  = utf8mb4 */ ;
/*!50003 SET character_set_results = utf8mb4 */ ;
/*!50003 SET collation_connection  = utf8mb4_general_ci */ ;
/*!50003 SET @saved_sql_mode       = @@sql_mode */ ;
/*!50003 SET sql_mode              = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION' */ ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER tr BEFORE INSERT ON log FOR EACH ROW BEGIN SET NEW.n = IFNULL(NEW.n, 1); SET NEW.line = CONCAT(NEW.line, ';'); END 
*/;;
DELIMITER ;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;
/*!50003 SET character_set_client  = @saved_cs_client */ ;
/*!50003 SET character_set_results = @saved_cs_results */ ;
/*!50003 SET collation_connection  = @saved_col_connection */ ;

--
-- Table structure for table `publishers`
--

DROP TABLE IF EXISTS `publishers`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `publishers` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `name` varchar(80) NOT NULL COMMENT 'it''s; the name',
  `country` char(2) DEFAULT 'NO',
  `founded` date DEFAULT NULL,
  `since` year(4) DEFAULT NULL,
  `active` tinyint(1) NOT NULL DEFAULT 1,
  PRIMARY KEY (`id`),
  UNIQUE KEY `u_name` (`name`)
) ENGINE=InnoDB AUTO_INCREMENT=16 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='Publishers; all';
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `publishers`
--

LOCK TABLES `publishers` WRITE;
/*!40000 ALTER TABLE `publishers` DISABLE KEYS */;
INSERT INTO `publishers` (`id`, `name`, `country`, `founded`, `since`, `active`) VALUES (1,'Publisher 1','NO','1900-01-02',1990,1);
INSERT INTO `publishers` (`id`, `name`, `country`, `founded`, `since`, `active`) VALUES (2,'Publisher 2','NO','1900-01-03',1990,1);
INSERT INTO `publishers` (`id`, `name`, `country`, `founded`, `since`, `active`) VALUES (3,'Publisher 3','NO','1900-01-04',1990,0);
INSERT INTO `publishers` (`id`, `name`, `country`, `founded`, `since`, `active`) VALUES (4,'Publisher 4','NO','1900-01-05',1990,1);
INSERT INTO `publishers` (`id`, `name`, `country`, `founded`, `since`, `active`) VALUES (5,'Publisher 5','NO','1900-01-06',1990,1);
INSERT INTO `publishers` (`id`, `name`, `country`, `founded`, `since`, `active`) VALUES (6,'Publisher 6','NO','1900-01-07',1990,0);
INSERT INTO `publishers` (`id`, `name`, `country`, `founded`, `since`, `active`) VALUES (7,'Publisher 7 \\ tab	; \'quote\' \"dq\" \n \0 x','NO','1900-01-08',1990,1);
INSERT INTO `publishers` (`id`, `name`, `country`, `founded`, `since`, `active`) VALUES (8,'Publisher 8','NO','1900-01-09',1990,1);
/*!40000 ALTER TABLE `publishers` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Current Database: `small`
--

USE `small`;

--
-- Final view structure for view `cheap`
--

/*!50001 DROP VIEW IF EXISTS `cheap`*/;
/*!50001 SET @saved_cs_client          = @@character_set_client */;
/*!50001 SET @saved_cs_results         = @@character_set_results */;
/*!50001 SET @saved_col_connection     = @@collation_connection */;
/*!50001 SET character_set_client      = utf8mb4 */;
/*!50001 SET character_set_results     = utf8mb4 */;
/*!50001 SET collation_connection      = utf8mb4_general_ci */;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */
/*!50001 VIEW `cheap` AS select `books`.`id` AS `id`,`books`.`title` AS `title` from `books` where `books`.`price` < 10 */;
/*!50001 SET character_set_client      = @saved_cs_client */;
/*!50001 SET character_set_results     = @saved_cs_results */;
/*!50001 SET collation_connection      = @saved_col_connection */;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed
