import static java.nio.charset.StandardCharsets.*;
import static java.nio.file.StandardOpenOption.*;

import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.*;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Keeps each event of a topic once, in order. usage: java -cp 'lib/*' Consumer.java BROKERS GROUP TOPIC FILE */
public class Consumer {
    public static void main(String[] args) throws Exception {
        String topic = args[2];
        Path file = Path.of(args[3]);
        // A line is the effect of an event and its place: `user seq value`. One that a crash cut in two never was.
        String text = Files.exists(file) ? Files.readString(file, ISO_8859_1) : "";
        String whole = text.substring(0, text.lastIndexOf('\n') + 1);
        Map<String, Long> last = new HashMap<>();
        whole.lines().map(line -> line.split(" ", 3)).forEach(line -> last.put(line[0], Long.valueOf(line[1])));

        try (FileChannel log = FileChannel.open(file, CREATE, WRITE).truncate(whole.length()).position(whole.length());
             KafkaConsumer<String, String> consumer = new KafkaConsumer<>(Map.of("bootstrap.servers", args[0],
                     "group.id", args[1], "auto.offset.reset", "earliest", "enable.auto.commit", false),
                     new StringDeserializer(), new StringDeserializer())) {
            Thread main = Thread.currentThread();
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                consumer.wakeup();
                try { main.join(); } catch (InterruptedException ended) { }
            }));
            consumer.subscribe(List.of(topic));
            while (true) {
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofSeconds(1));
                StringBuilder lines = new StringBuilder();
                for (ConsumerRecord<String, String> record : records) {
                    try {
                        UUID user = UUID.fromString(record.key());
                        long seq = Long.parseLong(new String(record.headers().lastHeader("seq").value(), UTF_8));
                        if (seq <= last.getOrDefault(user.toString(), 0L)) continue; // a repetition
                        lines.append(user + " " + seq + " " + record.value().replace('\n', ' ') + "\n"); // what you do
                        last.put(user.toString(), seq);
                    } catch (NullPointerException | IllegalArgumentException wrong) {
                        System.err.println("passed over: partition " + record.partition() + ", offset " + record.offset() + ": " + wrong);
                    }
                }
                ByteBuffer bytes = UTF_8.encode(lines.toString());
                while (bytes.hasRemaining()) log.write(bytes);
                log.force(false); // on the disk: now the offsets may follow
                if (!records.isEmpty()) consumer.commitSync();
            }
        } catch (WakeupException stop) {
            // Ctrl-C or SIGTERM. What was not committed comes again, and is dropped.
        }
    }
}
